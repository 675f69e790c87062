//! pirushka-peer-core
