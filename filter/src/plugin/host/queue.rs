//! The shared queues between the VMs of a process and `vm_id`: whoever registered one last is woken
//! when another sends.

use super::{NOT_FOUND, OK, returned};

const EMPTY: u32 = 7;

#[rustfmt::skip]
unsafe extern "C" {
    fn proxy_register_shared_queue(name: *const u8, size: usize, queue: *mut u32) -> u32;
    fn proxy_resolve_shared_queue(vm_id: *const u8, vm_id_size: usize, name: *const u8, size: usize, queue: *mut u32) -> u32;
    fn proxy_enqueue_shared_queue(queue: u32, message: *const u8, size: usize) -> u32;
    fn proxy_dequeue_shared_queue(queue: u32, message: *mut *mut u8, size: *mut usize) -> u32;
}

/// What a look into a queue found.
#[derive(Debug)]
pub(in crate::plugin) enum Dequeued {
    Message(Vec<u8>),
    Empty,
    /// The host did not answer.
    Unavailable,
}

/// Be the one who is woken by this queue, with whatever is in it already.
pub(in crate::plugin) fn register(name: &str) -> Option<u32> {
    let mut queue = 0;
    // SAFETY: the host reads a live string and writes one u32 where it is told to.
    let status = unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &mut queue) };
    (status == OK).then_some(queue)
}

/// The queue of this name and of this VM's `vm_id`, which no name stands for; `None` if nobody ever
/// registered it.
pub(in crate::plugin) fn resolve(name: &str) -> Option<u32> {
    let (mut queue, vm_id) = (0, "");
    // SAFETY: the host reads two live strings and writes one u32 where it is told to.
    let status = unsafe {
        proxy_resolve_shared_queue(
            vm_id.as_ptr(),
            vm_id.len(),
            name.as_ptr(),
            name.len(),
            &mut queue,
        )
    };
    (status == OK).then_some(queue)
}

/// Put a message into a queue; whether the host did.
pub(in crate::plugin) fn send(queue: u32, message: &[u8]) -> bool {
    // SAFETY: the pointer and size are those of a live buffer, which the host only reads.
    let status = unsafe { proxy_enqueue_shared_queue(queue, message.as_ptr(), message.len()) };
    status == OK
}

/// Take the oldest message out of a queue.
pub(in crate::plugin) fn receive(queue: u32) -> Dequeued {
    let mut status = NOT_FOUND;
    let message = returned(|message, size| {
        // SAFETY: the host writes one pointer and one size where it is told to.
        status = unsafe { proxy_dequeue_shared_queue(queue, message, size) };
        status
    });
    match (status, message) {
        (OK, message) => Dequeued::Message(message.unwrap_or_default()),
        (EMPTY, _) => Dequeued::Empty,
        _ => Dequeued::Unavailable,
    }
}
