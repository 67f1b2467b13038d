//! The shared queues of one process, by the rules of proxy-wasm-cpp-host's `shared_queue.cc`.

use std::collections::VecDeque;

use super::{process::VmName, status::Status};

/// Whom a queue wakes: a context of the VM that its thread has then.
pub(crate) type Listener = (VmName, u32);

/// All queues of a process and `vm_id`. Envoy bounds neither their number nor their length.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    /// The token of each is its place, counted from 1.
    queues: Vec<Queue>,
    /// Who is to be told of what, in order; told one after another when their threads get to it.
    wakes: VecDeque<(Listener, u32)>,
}

#[derive(Debug)]
struct Queue {
    name: String,
    listener: Listener,
    messages: VecDeque<Vec<u8>>,
}

impl Queues {
    /// Whoever registers last is told; what is in the queue stays there.
    pub(crate) fn register(&mut self, name: &str, listener: Listener) -> u32 {
        let place = self.queues.iter().position(|queue| queue.name == name);
        let place = place.unwrap_or_else(|| {
            let messages = VecDeque::new();
            self.queues.push(Queue { name: name.to_owned(), listener, messages });
            self.queues.len() - 1
        });
        self.queues[place].listener = listener;
        place as u32 + 1
    }

    pub(crate) fn resolve(&self, name: &str) -> Result<u32, Status> {
        let place = self.queues.iter().position(|queue| queue.name == name);
        place.map(|place| place as u32 + 1).ok_or(Status::NotFound)
    }

    pub(crate) fn enqueue(&mut self, token: u32, message: Vec<u8>) -> Result<(), Status> {
        let queue = Self::queue(&mut self.queues, token)?;
        queue.messages.push_back(message);
        self.wakes.push_back((queue.listener, token));
        Ok(())
    }

    pub(crate) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        Self::queue(&mut self.queues, token)?.messages.pop_front().ok_or(Status::Empty)
    }

    pub(crate) fn enqueue_everywhere(&mut self, message: &[u8]) {
        for token in 1..=self.queues.len() as u32 {
            self.enqueue(token, message.to_vec()).expect("it is there");
        }
    }

    /// The next who is to be told, and of which queue.
    pub(crate) fn next_wake(&mut self) -> Option<(Listener, u32)> {
        self.wakes.pop_front()
    }

    /// How many messages wait in all queues.
    pub(crate) fn waiting(&self) -> usize {
        self.queues.iter().map(|queue| queue.messages.len()).sum()
    }

    fn queue(queues: &mut [Queue], token: u32) -> Result<&mut Queue, Status> {
        let place = (token as usize).checked_sub(1).ok_or(Status::NotFound)?;
        queues.get_mut(place).ok_or(Status::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: Listener = (VmName::MainThread, 1);
    const WORKER: Listener = (VmName::Worker(0), 1);

    #[test]
    fn a_queue_keeps_its_token_and_messages_whoever_registers_it() {
        let mut queues = Queues::default();
        assert_eq!(queues.resolve("news"), Err(Status::NotFound));
        let token = queues.register("news", MAIN);
        queues.enqueue(token, b"one".to_vec()).expect("it is there");
        assert_eq!(queues.register("news", WORKER), token);
        assert_eq!(queues.resolve("news"), Ok(token));
        queues.enqueue(token, b"two".to_vec()).expect("it is there");
        assert_eq!(
            [queues.next_wake(), queues.next_wake()],
            [Some((MAIN, token)), Some((WORKER, token))]
        );
        assert_eq!(
            [queues.dequeue(token), queues.dequeue(token)],
            [Ok(b"one".to_vec()), Ok(b"two".to_vec())]
        );
        assert_eq!(queues.dequeue(token), Err(Status::Empty));
    }

    #[test]
    fn there_is_no_queue_without_a_token() {
        let mut queues = Queues::default();
        assert_eq!(queues.enqueue(0, Vec::new()), Err(Status::NotFound));
        assert_eq!(queues.dequeue(1), Err(Status::NotFound));
    }
}
