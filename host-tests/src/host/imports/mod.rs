//! Which host calls the guest finds, and that all others fail the test.

mod edges;
mod grpc;
mod headers;
mod process;
mod streams;
mod wasi;

use wasmtime::{Caller, Linker, Module, Result, format_err};

use super::{
    status::Status,
    vm_state::{Crash, VmState},
};

/// All modelled host calls; what else `module` imports panics with its name when called.
///
/// # Panics
/// If the module imports `random_get`: a filter that is a pure function of its inputs must not.
pub(crate) fn link(linker: &mut Linker<VmState>, module: &Module) -> Result<()> {
    process::link(linker)?;
    headers::link(linker)?;
    streams::link(linker)?;
    grpc::link(linker)?;
    wasi::link(linker)?;
    edges::link(linker)?;
    for import in module.imports() {
        let (namespace, name) = (import.module(), import.name());
        assert!(name != "random_get", "the module imports random_get: who asks for randomness?");
        let Some(ty) = import.ty().func().cloned() else { continue };
        let call = format!("{namespace}.{name}");
        let refuse = move |_: Caller<'_, _>, _: &[_], _: &mut [_]| -> Result<()> {
            panic!("unmodelled host call: {call}")
        };
        // Fails for those that are modelled, which is what is wanted: they stay.
        let _ = linker.func_new(namespace, name, ty, refuse);
    }
    Ok(())
}

/// Runs the model of a host call, unless the test wants it to fail or the VM to crash.
fn answer(
    mut caller: Caller<'_, VmState>,
    call: &'static str,
    model: impl FnOnce(&mut Caller<'_, VmState>) -> Result<(), Status>,
) -> Result<u32> {
    match &caller.data().crash {
        Some(Crash::Now) => return Err(format_err!("the test crashes this VM")),
        Some(Crash::In(fatal)) if fatal == call => {
            return Err(format_err!("the test crashes this VM in {call}"));
        }
        _ => {}
    }
    let fault = caller.data().process.borrow_mut().enter(call);
    let result = match fault {
        Some(status) => Err(status),
        None => model(&mut caller),
    };
    Ok(result.err().unwrap_or(Status::Ok) as u32)
}
