//! A compiled proxy-wasm module: where it lies, and that it is compiled once per test process.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex, PoisonError},
};

use wasmtime::{Config, Engine, InstancePre, Linker, OptLevel};

use super::{imports, vm_state::VmState};

/// A module with its host calls linked, ready to be instantiated into any number of VMs.
#[derive(Clone)]
pub struct Module {
    pub(crate) instance: InstancePre<VmState>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Module")
    }
}

/// Compiles fast rather than well: a test makes a few thousand calls.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None);
    Engine::new(&config).expect("the configuration suits this machine")
});
static COMPILED: LazyLock<Mutex<HashMap<(PathBuf, Pace), Module>>> =
    LazyLock::new(Default::default);

/// How a module is run.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Pace {
    SoonReady,
    Metered,
    Fast,
}

/// Counts what is executed: one unit of fuel for nearly every instruction of the module.
static METERED: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None).consume_fuel(true);
    Engine::new(&config).expect("the configuration suits this machine")
});

/// Compiles as well as Envoy's engine does, to measure time.
static OPTIMIZING: LazyLock<Engine> = LazyLock::new(Engine::default);

impl Module {
    /// The module that `make build` made of the workspace's crate `name`, such as `llm_breaker`.
    ///
    /// `<NAME>_WASM` in the environment (`LLM_BREAKER_WASM`) names another file.
    ///
    /// # Panics
    /// If it was not built, is no Wasm, or imports what a filter must not.
    pub fn built(name: &str) -> Self {
        Self::load(&path_of(name))
    }

    /// The module in a file; see [`built`](Self::built).
    pub fn load(path: &Path) -> Self {
        Self::compiled(path, Pace::SoonReady)
    }

    fn compiled(path: &Path, pace: Pace) -> Self {
        let engine = match pace {
            Pace::SoonReady => &ENGINE,
            Pace::Metered => &METERED,
            Pace::Fast => &OPTIMIZING,
        };
        // A test that failed while compiling must not fail its neighbours with a poisoned lock.
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.entry((path.to_owned(), pace)).or_insert_with(|| compile(path, engine)).clone()
    }

    /// The module of the crate `name`, counting the instructions that it executes: the same number
    /// on every machine. See [`World::spent`](super::World::spent).
    pub fn metered(name: &str) -> Self {
        Self::compiled(&path_of(name), Pace::Metered)
    }

    /// The module of the crate `name`, as fast as it gets.
    pub fn optimized(name: &str) -> Self {
        Self::compiled(&path_of(name), Pace::Fast)
    }
}

/// Where `make build` puts the module of the crate `name`; see [`Module::built`].
///
/// # Panics
/// If nothing is there.
pub fn path_of(name: &str) -> PathBuf {
    let variable = format!("{}_WASM", name.to_uppercase());
    let path = std::env::var_os(&variable).map_or_else(
        || target_dir().join("wasm32-wasip1/release").join(name).with_extension("wasm"),
        PathBuf::from,
    );
    assert!(path.is_file(), "{} is absent: run `make build` (or set {variable})", path.display());
    path
}

fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from)
}

fn compile(path: &Path, engine: &Engine) -> Module {
    let explain = |error: wasmtime::Error| -> ! { panic!("{}: {error:?}", path.display()) };
    let module = wasmtime::Module::from_file(engine, path).unwrap_or_else(|error| explain(error));
    let mut linker = Linker::new(engine);
    imports::link(&mut linker, &module).unwrap_or_else(|error| explain(error));
    let instance = linker.instantiate_pre(&module).unwrap_or_else(|error| explain(error));
    Module { instance }
}
