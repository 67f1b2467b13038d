//! A name server with one answer to every question.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use llm_breaker_host_tests::patience::patiently;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const HEADER_BYTES: usize = 12;
const TYPE_A: [u8; 2] = [0, 1];
/// The name of the question, not to be kept, four bytes.
const RECORD: [u8; 12] = [0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4];

/// A running one; dropping it ends it.
pub(super) struct Names {
    address: SocketAddr,
    addresses: Arc<Mutex<Vec<[u8; 4]>>>,
    questions: Arc<watch::Sender<u64>>,
    answering: JoinHandle<()>,
}

impl Drop for Names {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl Names {
    pub(super) async fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let addresses: Arc<Mutex<Vec<[u8; 4]>>> = Arc::default();
        let questions = Arc::new(watch::Sender::new(0));
        let answering =
            tokio::spawn(answer(socket, Arc::clone(&addresses), Arc::clone(&questions)));
        Ok(Self { address, addresses, questions, answering })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with these addresses from now on; without any, that there is no such name.
    pub(super) fn say(&self, addresses: &[[u8; 4]]) {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses.to_vec();
    }

    pub(super) fn questions(&self) -> u64 {
        *self.questions.borrow()
    }

    /// Waits until somebody has asked, and once more, so that the first answer has arrived.
    pub(super) async fn asked_again(&self) {
        let before = self.questions();
        let mut questions = self.questions.subscribe();
        let asked = questions.wait_for(|now| *now >= before + 2);
        assert!(patiently("a question for the name", asked).await.is_ok());
    }
}

async fn answer(
    socket: UdpSocket,
    addresses: Arc<Mutex<Vec<[u8; 4]>>>,
    questions: Arc<watch::Sender<u64>>,
) {
    let mut question = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut question).await {
        let addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(answer) = answer_to(&question[..length], &addresses) {
            let _ = socket.send_to(&answer, from).await;
        }
        questions.send_modify(|asked| *asked += 1);
    }
}

/// The question said back with what it asks for.
fn answer_to(question: &[u8], addresses: &[[u8; 4]]) -> Option<Vec<u8>> {
    let name_bytes = question.get(HEADER_BYTES..)?.iter().position(|&byte| byte == 0)? + 1;
    let end = HEADER_BYTES + name_bytes + 4;
    let asks_for = question.get(HEADER_BYTES + name_bytes..HEADER_BYTES + name_bytes + 2)?;
    let addresses = if asks_for == TYPE_A { addresses } else { &[] };
    let is_unknown = u8::from(addresses.is_empty() && asks_for == TYPE_A) * 3;
    let mut answer = question.get(..2)?.to_vec();
    answer.extend([
        0x81,
        0x80 | is_unknown,
        0,
        1,
        0,
        u8::try_from(addresses.len()).ok()?,
        0,
        0,
        0,
        0,
    ]);
    answer.extend(question.get(HEADER_BYTES..end)?);
    for address in addresses {
        answer.extend(RECORD);
        answer.extend(address);
    }
    Some(answer)
}
