//! pirushka-udp
