//! Host calls on one stream: properties, buffers, replies, resets, and which stream is meant.

use wasmtime::{Caller, Linker, Result};

use super::{
    super::{
        access_log::Declaration,
        pairs, properties,
        status::Status,
        stream::Stream,
        vm_state::{Deferred, LocalReply, VmState, bytes, give},
    },
    answer,
};

type Host<'a> = Caller<'a, VmState>;

const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    link_properties(linker)?;
    link_buffers(linker)?;
    link_control(linker)?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |c: Host<'_>,
         status: u32,
         details: u32,
         details_len: u32,
         body: u32,
         body_len: u32,
         headers: u32,
         headers_len: u32,
         _grpc_status: i32| {
            answer(c, "proxy_send_local_response", |c| {
                let details = bytes(c, details, details_len)?;
                let reply = LocalReply {
                    status: u16::try_from(status).map_err(|_| Status::BadArgument)?,
                    headers: pairs::decode(&bytes(c, headers, headers_len)?),
                    body: bytes(c, body, body_len)?,
                    details: String::from_utf8_lossy(&details).replace(char::is_whitespace, "_"),
                };
                c.data_mut().next_iteration_stopped = true;
                defer(c, Deferred::Reply(reply));
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn link_properties(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |c: Host<'_>, path: u32, path_len: u32, at: u32, len_at: u32| {
            answer(c, "proxy_get_property", |c| {
                let path = bytes(c, path, path_len)?;
                let stream = c.data().stream();
                let stream = stream.as_ref().map(|stream| stream.borrow());
                let value = properties::read(&c.data().process.borrow(), stream.as_deref(), &path)?;
                give(c, &value, at, len_at)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |c: Host<'_>, path: u32, path_len: u32, value: u32, value_len: u32| {
            answer(c, "proxy_set_property", |c| {
                let (path, value) = (bytes(c, path, path_len)?, bytes(c, value, value_len)?);
                let stream = c.data().stream().ok_or(Status::NotFound)?;
                stream.borrow_mut().info.filter_state.insert(path, value);
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn link_buffers(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |c: Host<'_>, buffer: u32, start: u32, len: u32, at: u32, len_at: u32| {
            answer(c, "proxy_get_buffer_bytes", |c| {
                let whole = buffer_bytes(c, buffer)?;
                let end = start.checked_add(len).ok_or(Status::BadArgument)? as usize;
                let part = whole.get(start as usize..end.min(whole.len())).unwrap_or_default();
                give(c, part, at, len_at)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |c: Host<'_>, buffer: u32, start: u32, len: u32, data: u32, data_len: u32| {
            answer(c, "proxy_set_buffer_bytes", |c| {
                let data = bytes(c, data, data_len)?;
                let stream = c.data().stream().ok_or(Status::NotFound)?;
                let mut stream = stream.borrow_mut();
                let buffer = body(&mut stream, buffer).as_mut().ok_or(Status::NotFound)?;
                splice(buffer, start as usize, len as usize, data)
            })
        },
    )?;
    Ok(())
}

fn link_control(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap("env", "proxy_continue_stream", |c: Host<'_>, direction: u32| {
        answer(c, "proxy_continue_stream", |c| match direction {
            REQUEST => {
                if let Some(stream) = c.data().stream() {
                    stream.borrow_mut().reachable.clear();
                }
                defer(c, Deferred::ContinueRequest);
                Ok(())
            }
            RESPONSE => {
                defer(c, Deferred::ContinueResponse);
                Ok(())
            }
            _ => panic!("unmodelled host call: proxy_continue_stream of stream type {direction}"),
        })
    })?;
    linker.func_wrap("env", "proxy_close_stream", |c: Host<'_>, direction: u32| {
        answer(c, "proxy_close_stream", |c| match direction {
            REQUEST | RESPONSE => {
                if let Some(stream) = c.data().stream() {
                    let details = &mut stream.borrow_mut().info.code_details;
                    details.get_or_insert_with(|| "wasm_close_stream".into());
                }
                defer(c, Deferred::ResetStream);
                Ok(())
            }
            _ => Err(Status::BadArgument),
        })
    })?;
    link_choices(linker)
}

/// Which stream is meant, and which route it takes.
fn link_choices(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap("env", "proxy_set_effective_context", |c: Host<'_>, context: u32| {
        answer(c, "proxy_set_effective_context", |c| {
            if !c.data().knows(context) {
                return Err(Status::BadArgument);
            }
            c.data_mut().effective = Some(context);
            Ok(())
        })
    })?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |c: Host<'_>, name: u32, name_len: u32, args: u32, args_len: u32, at: u32, len_at: u32| {
            answer(c, "proxy_call_foreign_function", |c| {
                let name = bytes(c, name, name_len)?;
                match name.as_slice() {
                    b"clear_route_cache" => {
                        let stream = c.data().stream().ok_or(Status::BadArgument)?;
                        stream.borrow_mut().route_cleared = true;
                    }
                    b"declare_property" => {
                        let arguments = bytes(c, args, args_len)?;
                        let declared = Declaration::read(&arguments)?;
                        c.data().process.borrow_mut().declared.insert(declared.name);
                    }
                    _ => {
                        let name = String::from_utf8_lossy(&name);
                        panic!("unmodelled foreign function: {name}");
                    }
                }
                give(c, &[], at, len_at)
            })
        },
    )?;
    Ok(())
}

fn defer(c: &mut Host<'_>, action: Deferred) {
    let context = c.data().context();
    c.data_mut().deferred.push((context, action));
}

const HTTP_REQUEST_BODY: u32 = 0;
const HTTP_RESPONSE_BODY: u32 = 1;
const GRPC_RECEIVE: u32 = 5;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;

fn buffer_bytes(c: &Host<'_>, buffer: u32) -> Result<Vec<u8>, Status> {
    match buffer {
        VM_CONFIGURATION => Ok(Vec::new()),
        PLUGIN_CONFIGURATION => c.data().configuration.clone().ok_or(Status::NotFound),
        GRPC_RECEIVE => Ok(c.data().grpc.received.clone().unwrap_or_default()),
        HTTP_REQUEST_BODY | HTTP_RESPONSE_BODY => {
            let stream = c.data().stream().ok_or(Status::NotFound)?;
            // Envoy answers an absent body with an empty buffer, not with an error.
            Ok(body(&mut stream.borrow_mut(), buffer).clone().unwrap_or_default())
        }
        _ => panic!("unmodelled buffer: {buffer}"),
    }
}

fn body(stream: &mut Stream, buffer: u32) -> &mut Option<Vec<u8>> {
    match buffer {
        HTTP_REQUEST_BODY => &mut stream.request_body,
        HTTP_RESPONSE_BODY => &mut stream.response_body,
        _ => panic!("unmodelled writable buffer: {buffer}"),
    }
}

/// Envoy's `Buffer::copyFrom`: prepends, replaces all, or appends, and nothing in between.
fn splice(buffer: &mut Vec<u8>, start: usize, length: usize, data: Vec<u8>) -> Result<(), Status> {
    match (start, length) {
        (0, 0) => drop(buffer.splice(0..0, data)),
        (0, length) if length >= buffer.len() => *buffer = data,
        (start, _) if start > 0 && start >= buffer.len() => buffer.extend(data),
        _ => return Err(Status::BadArgument),
    }
    Ok(())
}
