//! `image LAYOUT MODULE [SBOM]`: writes the module's image as an OCI layout and prints its digest.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use llm_breaker_packaging::image::{Contents, write};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (layout, module, sbom) = match arguments.as_slice() {
        [layout, module] => (layout, module, None),
        [layout, module, sbom] => (layout, module, Some(sbom)),
        _ => {
            eprintln!("usage: image LAYOUT MODULE [SBOM]");
            return ExitCode::FAILURE;
        }
    };
    match image(layout, module, sbom) {
        Ok(digest) => {
            println!("{digest}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("image: {error}");
            ExitCode::FAILURE
        }
    }
}

fn image(layout: &str, module: &str, sbom: Option<&String>) -> io::Result<String> {
    let read = |path: &str| {
        fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
    };
    let (module, sbom) = (read(module)?, sbom.map(|path| read(path)).transpose()?);
    let version = env!("CARGO_PKG_VERSION");
    write(Path::new(layout), &Contents { module: &module, sbom: sbom.as_deref(), version })
}
