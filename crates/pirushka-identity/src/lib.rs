//! pirushka-identity
