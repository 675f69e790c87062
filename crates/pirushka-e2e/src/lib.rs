//! pirushka-e2e
