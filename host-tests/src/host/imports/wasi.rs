//! The few WASI calls that a Rust filter needs: clocks, and standard error as Envoy logs it.

use wasmtime::{Caller, Linker, Result, format_err};

use super::super::{
    process::{Level, LogLine},
    status::Status,
    vm_state::{VmState, bytes, put},
};

type Host<'a> = Caller<'a, VmState>;

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: u32 = 0;
const BAD_DESCRIPTOR: u32 = 8;
const FAULT: u32 = 21;
const NOT_SUPPORTED: u32 = 58;

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(MODULE, "environ_sizes_get", |mut c: Host<'_>, count: u32, size: u32| {
        errno(put(&mut c, count, &[0; 4]).and_then(|()| put(&mut c, size, &[0; 4])))
    })?;
    linker.func_wrap(MODULE, "environ_get", |_: Host<'_>, _: u32, _: u32| SUCCESS)?;
    linker.func_wrap(MODULE, "clock_time_get", clock_time)?;
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "proc_exit", |_: Host<'_>, code: u32| -> Result<()> {
        Err(format_err!("the module called proc_exit({code})"))
    })?;
    Ok(())
}

fn clock_time(mut c: Host<'_>, clock: u32, _precision: u64, at: u32) -> u32 {
    let now_ns = {
        let mut process = c.data().process.borrow_mut();
        // No test lets a clock fail; it counts as a call all the same.
        let _ = process.enter("clock_time_get");
        match clock {
            0 => process.wall_ns,
            1 => {
                process.monotonic_ns += process.each_look_takes_ns;
                process.monotonic_ns
            }
            _ => return NOT_SUPPORTED,
        }
    };
    errno(put(&mut c, at, &now_ns.to_le_bytes()))
}

/// Standard output and error become log lines, as in Envoy.
fn fd_write(mut c: Host<'_>, descriptor: u32, vectors: u32, count: u32, written_at: u32) -> u32 {
    let level = match descriptor {
        1 => Level::Info,
        2 => Level::Error,
        _ => return BAD_DESCRIPTOR,
    };
    let Ok(text) = gathered(&c, vectors, count) else { return FAULT };
    let written = text.len() as u32;
    let message = String::from_utf8_lossy(&text);
    let message = message.strip_suffix('\n').unwrap_or(&message).to_owned();
    let line = LogLine { vm: c.data().name, level, message };
    c.data().process.borrow_mut().log.push(line);
    errno(put(&mut c, written_at, &written.to_le_bytes()))
}

fn gathered(c: &Host<'_>, vectors: u32, count: u32) -> Result<Vec<u8>, Status> {
    let mut text = Vec::new();
    for vector in bytes(c, vectors, count.saturating_mul(8))?.as_chunks::<8>().0 {
        let [start, length] = [0, 4]
            .map(|i| u32::from_le_bytes([vector[i], vector[i + 1], vector[i + 2], vector[i + 3]]));
        text.extend(bytes(c, start, length)?);
    }
    Ok(text)
}

fn errno(result: Result<(), Status>) -> u32 {
    result.map_or(FAULT, |()| SUCCESS)
}
