//! What a dialect says of a message.

use pithead_flow::Direction;

/// Who sent a message, as far as its content tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The miner.
    Client,
    /// The pool, the proxy or the node that hands out work.
    Server,
}

/// How much a message proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Makes sense only in the session: an answer by its request's id. Moves the stage on, proves nothing.
    Context,
    /// Fits, and so do other things: counts only beside the other side's.
    Hint,
    /// Nothing but mining looks like this.
    Proof,
}

/// How far a miner has come with its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A pool's name was looked up, and connections to its address were not let through.
    Blocked,
    /// The miner spoke; no answer is known.
    Attempt,
    /// The pool said no.
    Refused,
    /// The pool hands out work.
    Subscribed,
    /// The pool accepted the miner's login.
    Authorized,
    /// Shares are sent.
    Working,
}

impl Stage {
    /// The stage as events name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Attempt => "attempt",
            Self::Refused => "refused",
            Self::Subscribed => "subscribed",
            Self::Authorized => "authorized",
            Self::Working => "working",
        }
    }
}

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Client: asks for a session.
    Subscribe,
    /// Client: names its account.
    Authorize,
    /// Client: asks for work.
    GetWork,
    /// Client: hands in a share.
    Submit,
    /// Client: anything else, such as a hash rate or a keep-alive.
    Request,
    /// Server: hands out work.
    Job,
    /// Server: anything else it sends of its own accord, such as a difficulty.
    Notice,
    /// Server: said yes to the request named.
    Granted(Ask),
    /// Server: said no to the request named.
    Denied(Ask),
}

/// A request whose answer matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// [`What::Subscribe`]
    Subscribe,
    /// [`What::Authorize`]
    Authorize,
    /// [`What::GetWork`]
    GetWork,
    /// [`What::Submit`]
    Submit,
    /// [`What::Request`]
    Other,
}

impl What {
    /// The request that this is, if it is one.
    pub const fn ask(self) -> Option<Ask> {
        match self {
            Self::Subscribe => Some(Ask::Subscribe),
            Self::Authorize => Some(Ask::Authorize),
            Self::GetWork => Some(Ask::GetWork),
            Self::Submit => Some(Ask::Submit),
            Self::Request => Some(Ask::Other),
            _ => None,
        }
    }

    /// Who sends such a message.
    pub const fn sender(self) -> Role {
        match self {
            Self::Job | Self::Notice | Self::Granted(_) | Self::Denied(_) => Role::Server,
            _ => Role::Client,
        }
    }
}

/// What is known of a miner and its pool. Passwords are never kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The account as it was sent.
    pub user: Option<String>,
    /// The part of it that is shaped like a coin address.
    pub wallet: Option<String>,
    /// The part of it that names the machine.
    pub worker: Option<String>,
    /// The mining software, as it calls itself.
    pub agent: Option<String>,
    /// The rig's id, where the dialect has one apart from the worker.
    pub rig: Option<String>,
    /// The algorithm, in the dialect's words.
    pub algorithm: Option<String>,
    /// The coin's ticker.
    pub coin: Option<String>,
    /// The pool's name, as the miner or the pool said it in the session.
    pub pool_host: Option<String>,
    /// The pool's port, as said in the session.
    pub pool_port: Option<u16>,
    /// The share difficulty as last set.
    pub difficulty: Option<f64>,
    /// The share target as last set, in hexadecimal digits as sent.
    pub target: Option<String>,
}

impl Facts {
    /// Takes over what is newly known.
    pub fn learn(&mut self, newer: Self) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.user, newer.user);
        take(&mut self.wallet, newer.wallet);
        take(&mut self.worker, newer.worker);
        take(&mut self.agent, newer.agent);
        take(&mut self.rig, newer.rig);
        take(&mut self.algorithm, newer.algorithm);
        take(&mut self.coin, newer.coin);
        take(&mut self.pool_host, newer.pool_host);
        take(&mut self.pool_port, newer.pool_port);
        take(&mut self.difficulty, newer.difficulty);
        take(&mut self.target, newer.target);
    }
}

/// What a dialect says of one message.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What the message does; tells who sent it, too.
    pub what: What,
    /// How much it proves.
    pub weight: Weight,
    /// What it tells.
    pub facts: Facts,
}

impl Finding {
    /// A finding that proves mining.
    pub fn proof(what: What) -> Self {
        Self { what, weight: Weight::Proof, facts: Facts::default() }
    }

    /// A finding that counts only beside another.
    pub fn hint(what: What) -> Self {
        Self { what, weight: Weight::Hint, facts: Facts::default() }
    }

    /// A finding that proves nothing by itself.
    pub fn context(what: What) -> Self {
        Self { what, weight: Weight::Context, facts: Facts::default() }
    }

    /// The same with what it tells.
    #[must_use]
    pub fn with(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }
}

/// The bytes that made it certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The matched message, printable, at most 256 characters, passwords blotted out.
    pub text: String,
    /// Which way it went.
    pub direction: Direction,
    /// Number in its file of the frame that completed it.
    pub frame: u64,
}
