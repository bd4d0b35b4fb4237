//! Files that are named as arguments.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a file that is named as an argument; `-` is standard input.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") { Ok(Box::new(io::stdin())) } else { Ok(Box::new(File::open(path)?)) }
}
