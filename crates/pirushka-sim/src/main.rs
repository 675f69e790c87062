//! pirushka-sim
fn main() {}
