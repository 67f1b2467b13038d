//! Host calls on header maps, each reachable only in its own phase.

use wasmtime::{Caller, Linker, Result};

use super::{
    super::{
        pairs::{self, Pairs},
        status::Status,
        stream::{Map, Stream},
        vm_state::{VmState, bytes, give},
    },
    answer,
};

type Host<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |c: Host<'_>, map: u32, at: u32, len_at: u32| {
            answer(c, "proxy_get_header_map_pairs", |c| {
                let pairs = read(c, map, |stream, map| Ok(stream.readable(map).cloned()))?;
                // Envoy gives an empty map for one that is out of reach.
                let bytes = pairs.filter(|p| !p.is_empty()).map(|p| pairs::encode(&p));
                give(c, &bytes.unwrap_or_default(), at, len_at)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |c: Host<'_>, map: u32, name: u32, name_len: u32, at: u32, len_at: u32| {
            answer(c, "proxy_get_header_map_value", |c| {
                let name = bytes(c, name, name_len)?;
                let value = read(c, map, |stream, map| Ok(stream.header(map, &name)?.to_vec()))?;
                give(c, &value, at, len_at)
            })
        },
    )?;
    link_changes(linker)
}

fn link_changes(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |c: Host<'_>, map: u32, at: u32, len: u32| {
            answer(c, "proxy_set_header_map_pairs", |c| {
                let pairs = pairs::decode(&bytes(c, at, len)?);
                change(c, map, |current| *current = pairs.into_iter().map(lowered).collect())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |c: Host<'_>, map: u32, name: u32, name_len: u32, value: u32, value_len: u32| {
            answer(c, "proxy_add_header_map_value", |c| {
                let pair = lowered((bytes(c, name, name_len)?, bytes(c, value, value_len)?));
                change(c, map, |pairs| pairs.push(pair))
            })
        },
    )?;
    link_single_changes(linker)
}

fn link_single_changes(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |c: Host<'_>, map: u32, name: u32, name_len: u32, value: u32, value_len: u32| {
            answer(c, "proxy_replace_header_map_value", |c| {
                let pair = lowered((bytes(c, name, name_len)?, bytes(c, value, value_len)?));
                change(c, map, |pairs| {
                    pairs.retain(|(name, _)| *name != pair.0);
                    pairs.push(pair);
                })
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |c: Host<'_>, map: u32, name: u32, name_len: u32| {
            answer(c, "proxy_remove_header_map_value", |c| {
                let name = bytes(c, name, name_len)?.to_ascii_lowercase();
                change(c, map, |pairs| pairs.retain(|(key, _)| *key != name))
            })
        },
    )?;
    Ok(())
}

/// The maps beyond those of a stream belong to callouts, which this host does not model.
fn stream_map(number: u32) -> Map {
    Map::of(number).unwrap_or_else(|| panic!("unmodelled header map: {number}"))
}

fn read<T>(
    c: &Host<'_>,
    map: u32,
    model: impl FnOnce(&Stream, Map) -> Result<T, Status>,
) -> Result<T, Status> {
    let stream = c.data().stream().ok_or(Status::BadArgument)?;
    model(&stream.borrow(), stream_map(map))
}

fn change(c: &Host<'_>, map: u32, model: impl FnOnce(&mut Pairs)) -> Result<(), Status> {
    let stream = c.data().stream().ok_or(Status::BadArgument)?;
    model(stream.borrow_mut().writable(stream_map(map))?);
    Ok(())
}

fn lowered((name, value): (Vec<u8>, Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    (name.to_ascii_lowercase(), value)
}
