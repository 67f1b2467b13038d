//! Host calls on what is beyond the VM: gRPC streams and calls, and the queues between VMs.

use std::time::Duration;

use wasmtime::{Caller, Linker, Result};

use super::{
    super::{
        grpc::{self, Is, Opened},
        status::Status,
        vm_state::{VmState, bytes, give, put, text},
    },
    answer,
};

type Host<'a> = Caller<'a, VmState>;

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    link_opening(linker)?;
    linker.func_wrap(
        "env",
        "proxy_grpc_send",
        |c: Host<'_>, token: u32, message: u32, message_len: u32, end: u32| {
            answer(c, "proxy_grpc_send", |c| {
                assert_eq!(end, 0, "unmodelled: a stream that is closed by its last message");
                let message = bytes(c, message, message_len)?;
                c.data_mut().grpc.send(token, message)
            })
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_cancel", |c: Host<'_>, token: u32| {
        answer(c, "proxy_grpc_cancel", |c| c.data_mut().grpc.cancel(token))
    })?;
    link_queues(linker)
}

fn link_opening(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |c: Host<'_>,
         target: u32,
         target_len: u32,
         service: u32,
         service_len: u32,
         method: u32,
         method_len: u32,
         _metadata: u32,
         _metadata_len: u32,
         token_at: u32| {
            answer(c, "proxy_grpc_stream", |c| {
                let of = method_of(
                    c,
                    [(target, target_len), (service, service_len), (method, method_len)],
                )?;
                open(c, of, Is::Stream { sent: Vec::new() }, token_at)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |c: Host<'_>,
         target: u32,
         target_len: u32,
         service: u32,
         service_len: u32,
         method: u32,
         method_len: u32,
         _metadata: u32,
         _metadata_len: u32,
         message: u32,
         message_len: u32,
         timeout_ms: u32,
         token_at: u32| {
            answer(c, "proxy_grpc_call", |c| {
                let of = method_of(
                    c,
                    [(target, target_len), (service, service_len), (method, method_len)],
                )?;
                let message = bytes(c, message, message_len)?;
                let sent_at_ns = c.data().process.borrow().monotonic_ns;
                let timeout = Duration::from_millis(timeout_ms.into());
                open(c, of, Is::Call { message, sent_at_ns, timeout }, token_at)
            })
        },
    )?;
    Ok(())
}

fn link_queues(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |c: Host<'_>, name: u32, name_len: u32, token_at: u32| {
            answer(c, "proxy_register_shared_queue", |c| {
                let name = text(c, name, name_len)?;
                let listener = (c.data().name, c.data().root());
                let token = c.data().process.borrow_mut().queues.register(&name, listener);
                put(c, token_at, &token.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |c: Host<'_>, vm_id: u32, vm_id_len: u32, name: u32, name_len: u32, token_at: u32| {
            answer(c, "proxy_resolve_shared_queue", |c| {
                let vm_id = text(c, vm_id, vm_id_len)?;
                assert_eq!(vm_id, "", "unmodelled: the queue of another vm_id");
                let name = text(c, name, name_len)?;
                let token = c.data().process.borrow().queues.resolve(&name)?;
                put(c, token_at, &token.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |c: Host<'_>, token: u32, message: u32, message_len: u32| {
            answer(c, "proxy_enqueue_shared_queue", |c| {
                let message = bytes(c, message, message_len)?;
                c.data().process.borrow_mut().queues.enqueue(token, message)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |c: Host<'_>, token: u32, at: u32, len_at: u32| {
            answer(c, "proxy_dequeue_shared_queue", |c| {
                let message = c.data().process.borrow_mut().queues.dequeue(token)?;
                give(c, &message, at, len_at)
            })
        },
    )?;
    Ok(())
}

/// The bytes that name a cluster, and the path of a method there.
type Of = (Vec<u8>, String);

/// What a stream or call is of: the places of a target, a service and a method.
fn method_of(c: &Host<'_>, [target, service, method]: [(u32, u32); 3]) -> Result<Of, Status> {
    let path = format!("{}/{}", text(c, service.0, service.1)?, text(c, method.0, method.1)?);
    Ok((bytes(c, target.0, target.1)?, path))
}

fn open(c: &mut Host<'_>, (target, method): Of, is: Is, token_at: u32) -> Result<(), Status> {
    let process = c.data().process.clone();
    let is_known = |name: &str| process.borrow().grpc_clusters.contains(name);
    let cluster = grpc::cluster(&target, is_known)?;
    let is_there = is_known(&cluster);
    let opened = Opened { root: c.data().root(), cluster, method, is };
    if !is_there {
        return Err(c.data_mut().grpc.refuse(opened));
    }
    let token = c.data_mut().grpc.open(opened);
    put(c, token_at, &token.to_le_bytes())
}
