//! Where events go: servers that take them, refuse them, or do not say what they have done.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use gatehouse::egress::OutboundRequest;
use http::HeaderMap;

use super::super::dice::Dice;
use super::super::servers::{Plain, Reply, Serve};

/// How long a delivery may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// What a destination makes of what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    /// It takes it, in the end.
    Takes,
    /// It never does.
    Refuses,
    /// It says that it wants nothing any more.
    Gone,
}

/// What one was sent, and whether it said that it has taken it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) taken: bool,
}

/// One destination.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) temper: Temper,
    pub(crate) dice: Dice,
    /// One of so many answers goes wrong; 0: none.
    pub(crate) fails_one_in: u64,
    /// What has not been looked at yet.
    pub(crate) received: VecDeque<Received>,
}

impl Place {
    fn reply(&mut self) -> Reply {
        match self.temper {
            Temper::Refuses => return Plain::status(500).soon(),
            Temper::Gone => return Plain::status(410).soon(),
            Temper::Takes => {}
        }
        if !self.dice.one_in(self.fails_one_in) {
            return Plain::status(204).soon();
        }
        match self.dice.below(8) {
            0 => Plain::status(500).soon(),
            1 => {
                let seconds = self.dice.below(90).to_string();
                Plain::status(429).with("retry-after", seconds).soon()
            }
            2 => Plain::status(404).soon(),
            3 => Reply::Cut,
            4 => Reply::Broken,
            5 => Reply::Unreachable,
            6 => Reply::Whole(self.dice.millis(4_500), Plain::status(200)),
            _ => Reply::Whole(Duration::from_secs(60), Plain::status(200)),
        }
    }
}

impl Serve for Place {
    fn serve(&mut self, _: &str, request: &OutboundRequest) -> Reply {
        let reply = self.reply();
        let taken = match &reply {
            Reply::Whole(wait, plain) => plain.status < 300 && *wait < TIMEOUT,
            _ => false,
        };
        if !matches!(reply, Reply::Unreachable) {
            self.received.push_back(Received {
                headers: request.headers.clone(),
                body: request.body.clone(),
                taken,
            });
        }
        reply
    }
}
