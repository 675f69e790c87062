//! pirushka-peer
fn main() {}
