//! pirushka-client
