//! pirushka-cli
fn main() {}
