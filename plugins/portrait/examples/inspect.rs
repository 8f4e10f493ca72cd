//! Draws what is found in pictures: `cargo run -p visage_portrait --example inspect -- OUT_FOLDER PICTURES…`

use std::{path::Path, time::Instant};

use visage_models::Store;
use visage_portrait::{RigBuilder, encode_png, inspect};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().ok_or("give a folder and pictures")?;
    let mut builder = RigBuilder::new(&Store::default())?;
    for path in arguments {
        let path = Path::new(&path);
        let began = Instant::now();
        match builder.build_file(path) {
            Ok(rig) => {
                let took = began.elapsed();
                let name = path.file_stem().unwrap_or(path.as_os_str());
                std::fs::write(Path::new(&folder).join(name).with_extension("png"), encode_png(&inspect(&rig))?)?;
                println!("{}: {took:.2?}, {:.2?}", path.display(), builder.measure(&rig.portrait)?);
            }
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    Ok(())
}
