//! Joins the status page's files to one, packs it and what else is only shown, and writes the
//! policy that lets a browser run these very scripts and styles and no others; tells the linker of
//! the module to be brief, and the compiler whether what fleets need is part of this build.

use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use miniz_oxide::deflate::compress_to_vec;
use sha2::{Digest, Sha256};

const SOURCES: &str = "src/admin/page";
const SCRIPTS: [&str; 4] = ["facts.js", "list.js", "steer.js", "refresh.js"];

/// The slowest and smallest that deflate can do.
const BEST: u8 = 10;

fn main() {
    link_compactly();
    compile_the_fleet();
    println!("cargo::rerun-if-changed={SOURCES}");
    let style = source("style.css");
    let script: String = SCRIPTS.iter().map(|name| source(name)).collect();
    let page = format!(
        "{}<style>{style}</style>\n{}<script type=\"module\">{script}</script>\n</body>\n</html>\n",
        source("head.html"),
        source("body.html"),
    );
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(&style),
        hash(&script),
    );
    write("page.html", page.as_bytes());
    write("page.deflate", &compress_to_vec(page.as_bytes(), BEST));
    write("admin-api.schema.deflate", &compress_to_vec(&schema(), BEST));
    write("page.csp", policy.as_bytes());
}

/// What the admin API answers with.
fn schema() -> Vec<u8> {
    const SCHEMA: &str = "../docs/admin-api.schema.json";
    println!("cargo::rerun-if-changed={SCHEMA}");
    fs::read(SCHEMA).unwrap_or_else(|error| panic!("{SCHEMA}: {error}"))
}

/// The linker leaves five bytes for every number that it fills in, of which most need one or two.
fn link_compactly() {
    if is_module() {
        println!("cargo::rustc-link-arg-cdylib=--compress-relocations");
    }
}

/// `cfg(fleet)`: natively always, for tests and simulations; in a module, whose bytes count, only
/// with the feature of the same name.
fn compile_the_fleet() {
    println!("cargo::rustc-check-cfg=cfg(fleet)");
    if !is_module() || env::var_os("CARGO_FEATURE_FLEET").is_some() {
        println!("cargo::rustc-cfg=fleet");
    }
}

fn is_module() -> bool {
    env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|target| target == "wasm32")
}

/// How a content security policy names what stands between two tags.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

fn source(name: &str) -> String {
    let path = Path::new(SOURCES).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(name: &str, bytes: &[u8]) {
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(directory.join(name), bytes).expect("a writable OUT_DIR");
}
