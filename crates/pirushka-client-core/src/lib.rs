//! pirushka-client-core
