//! pirushka-peer
