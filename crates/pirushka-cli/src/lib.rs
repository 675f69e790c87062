//! pirushka-cli
