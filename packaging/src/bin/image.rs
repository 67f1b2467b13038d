//! `image LAYOUT MODULE FLEET_MODULE [SBOM]`: writes the images of the module and of the one with a fleet as
//! one OCI layout, and prints their digests, each on a line.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use llm_breaker_packaging::image::{Contents, write};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (layout, modules, sbom) = match arguments.as_slice() {
        [layout, module, fleet] => (layout, [module, fleet], None),
        [layout, module, fleet, sbom] => (layout, [module, fleet], Some(sbom)),
        _ => {
            eprintln!("usage: image LAYOUT MODULE FLEET_MODULE [SBOM]");
            return ExitCode::FAILURE;
        }
    };
    match images(layout, modules, sbom) {
        Ok(digests) => {
            digests.iter().for_each(|digest| println!("{digest}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("image: {error}");
            ExitCode::FAILURE
        }
    }
}

fn images(layout: &str, modules: [&String; 2], sbom: Option<&String>) -> io::Result<Vec<String>> {
    let read = |path: &str| {
        fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
    };
    let [module, fleet] = modules.map(|path| read(path));
    let (module, fleet, sbom) = (module?, fleet?, sbom.map(|path| read(path)).transpose()?);
    let version = env!("CARGO_PKG_VERSION");
    let (sbom, with_fleet) = (sbom.as_deref(), format!("{version}-fleet"));
    let images = [
        Contents { module: &module, sbom, version, name: version },
        // Of the same dependencies.
        Contents { module: &fleet, sbom, version, name: &with_fleet },
    ];
    write(Path::new(layout), &images)
}
