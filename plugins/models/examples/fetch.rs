//! Fetches the models that are named on the command line, or the default set: `cargo run --example fetch -- face`.

use visage_models::{Bars, Catalogue, Fetcher, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let catalogue = Catalogue::builtin();
    let named: Vec<String> = std::env::args().skip(1).collect();
    let ids = if named.is_empty() { catalogue.default_ids() } else { named.iter().map(String::as_str).collect() };
    Fetcher::new(Store::default()).fetch(catalogue, &ids, &Bars::default())?;
    Ok(())
}
