//! pirushka-link
