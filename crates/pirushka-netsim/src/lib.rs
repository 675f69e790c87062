//! pirushka-netsim
