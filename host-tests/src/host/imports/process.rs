//! Host calls on what the process shares: configuration, clocks, log, shared data, stats.

use wasmtime::{Caller, Linker, Result};

use super::{
    super::{
        process::{Level, LogLine},
        status::Status,
        vm_state::{VmState, bytes, give, put, text},
    },
    answer,
};

type Host<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", |c: Host<'_>, level: u32, at: u32, len: u32| {
        answer(c, "proxy_log", |c| log(c, level, at, len))
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |c: Host<'_>, at: u32| {
        answer(c, "proxy_get_log_level", |c| put(c, at, &(Level::Info as u32).to_le_bytes()))
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |c: Host<'_>, at: u32| {
        answer(c, "proxy_get_current_time_nanoseconds", |c| {
            let now_ns = c.data().process.borrow().wall_ns;
            put(c, at, &now_ns.to_le_bytes())
        })
    })?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |c: Host<'_>, period: u32| {
        answer(c, "proxy_set_tick_period_milliseconds", |c| set_tick_period(c, period))
    })?;
    link_shared_data(linker)?;
    link_metrics(linker)
}

fn link_shared_data(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |c: Host<'_>, key: u32, key_len: u32, value: u32, value_len: u32, cas: u32| {
            answer(c, "proxy_get_shared_data", |c| {
                let key = text(c, key, key_len)?;
                let process = c.data().process.clone();
                let process = process.borrow();
                let (bytes, number) = process.shared.load(&key).ok_or(Status::NotFound)?;
                give(c, bytes, value, value_len)?;
                put(c, cas, &number.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |c: Host<'_>, key: u32, key_len: u32, value: u32, value_len: u32, cas: u32| {
            answer(c, "proxy_set_shared_data", |c| {
                let key = text(c, key, key_len)?;
                let value = bytes(c, value, value_len)?;
                c.data().process.borrow_mut().set_shared(&key, &value, cas)
            })
        },
    )?;
    Ok(())
}

fn link_metrics(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |c: Host<'_>, kind: u32, name: u32, name_len: u32, id_at: u32| {
            answer(c, "proxy_define_metric", |c| {
                let name = text(c, name, name_len)?;
                let process = c.data().process.clone();
                let stats = &mut process.borrow_mut().stats;
                let id = c.data_mut().metric_ids.define(stats, kind, name)?;
                put(c, id_at, &id.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap("env", "proxy_increment_metric", |c: Host<'_>, id: u32, offset: i64| {
        answer(c, "proxy_increment_metric", |c| {
            let stats = &mut c.data().process.borrow_mut().stats;
            c.data().metric_ids.increment(stats, id, offset)
        })
    })?;
    linker.func_wrap("env", "proxy_record_metric", |c: Host<'_>, id: u32, value: u64| {
        answer(c, "proxy_record_metric", |c| {
            let stats = &mut c.data().process.borrow_mut().stats;
            c.data().metric_ids.record(stats, id, value)
        })
    })?;
    linker.func_wrap("env", "proxy_get_metric", |c: Host<'_>, id: u32, at: u32| {
        answer(c, "proxy_get_metric", |c| {
            let process = c.data().process.clone();
            let value = c.data().metric_ids.read(&mut process.borrow_mut().stats, id)?;
            put(c, at, &value.to_le_bytes())
        })
    })?;
    Ok(())
}

fn log(c: &mut Host<'_>, level: u32, at: u32, len: u32) -> Result<(), Status> {
    let message = text(c, at, len)?;
    let line = LogLine { vm: c.data().name, level: Level::of(level), message };
    c.data().process.borrow_mut().log.push(line);
    Ok(())
}

fn set_tick_period(c: &mut Host<'_>, period_ms: u32) -> Result<(), Status> {
    let state = c.data_mut();
    let root = state.root();
    let root = state.roots.get_mut(&root).ok_or(Status::BadArgument)?;
    root.tick_period_ms = period_ms;
    Ok(())
}
