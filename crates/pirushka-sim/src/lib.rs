//! pirushka-sim
