//! Compresses the built-in connectors, so that the program is 8 MB smaller.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;

const COMPONENTS: &str = "../../plugins/dist";

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::var("OUT_DIR")?;
    let sums = Path::new(COMPONENTS).join("SHA256SUMS");
    println!("cargo::rerun-if-changed={}", sums.display());
    for line in fs::read_to_string(sums)?.lines() {
        // Those in folders are for tests.
        let Some((_, name)) = line.split_once("  ").filter(|(_, name)| !name.contains('/')) else { continue };
        let component = Path::new(COMPONENTS).join(name);
        println!("cargo::rerun-if-changed={}", component.display());
        let file = File::create(Path::new(&out).join(format!("{name}.zlib")))?;
        let mut encoder = ZlibEncoder::new(file, Compression::default());
        encoder.write_all(&fs::read(component)?)?;
        encoder.finish()?;
    }
    Ok(())
}
