//! Builds the crate anew when a file of the page comes or goes; changes inside files are noticed without it.

fn main() {
    println!("cargo::rerun-if-changed=../../assets/web");
}
