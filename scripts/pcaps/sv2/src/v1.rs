//! The same pair in Stratum V1, by the reference implementation's `sv1_api`: its types, its JSON.

use std::error::Error;
use std::io::{BufRead, BufReader, Write, stdin};
use std::net::{TcpListener, TcpStream};

use sv1_api::client_to_server::{Authorize, Configure, Submit, SubmitError, SubmitOutcome, Subscribe};
use sv1_api::json_rpc::{Message, Response, StandardRequest};
use sv1_api::server_to_client::{Notify, SetDifficulty, VersionRollingParams};
use sv1_api::utils::{Extranonce, HexBytes, HexU32Be};

use crate::Outcome;
use crate::link::debug;
use crate::miner::connect;

const USER: &str = "examplefarm.translator";
const NTIME: u32 = 1_793_610_000;

pub fn serve(address: &str) -> Outcome {
    let (stream, _) = TcpListener::bind(address)?.accept()?;
    let mut link = Lines::new(stream)?;
    while let Some(request) = link.request()? {
        answer(&mut link, request)?;
    }
    Ok(())
}

pub fn mine(from: &str, address: &str) -> Outcome {
    let mut link = Lines::new(connect(from, address)?)?;
    link.say(Configure::new(0, Some(HexU32Be(0x1fff_e000)), Some(HexU32Be(2))).into())?;
    link.hear()?;
    link.say(
        Subscribe { id: 1, agent_signature: "sv1-api/6.0.0".into(), extranonce1: None }
            .try_into()
            .map_err(debug)?,
    )?;
    link.hear()?;
    link.say(Authorize { id: 2, name: USER.into(), password: "x".into() }.into())?;
    for _ in ["answer", "difficulty", "job"] {
        link.hear()?;
    }
    println!("ready");
    for (n, line) in (0u32..).zip(stdin().lock().lines()) {
        line?;
        link.say(share(n)?.into())?;
        link.hear()?;
        println!("done");
    }
    Ok(())
}

/// Made up, like every share here.
fn share(n: u32) -> Result<Submit, Box<dyn Error>> {
    Ok(Submit {
        user_name: USER.into(),
        job_id: "7".into(),
        extra_nonce2: Extranonce::try_from(n.to_be_bytes().to_vec()).map_err(debug)?,
        time: HexU32Be(NTIME + n),
        nonce: HexU32Be(0x9e37_79b9u32.wrapping_mul(n + 1)),
        version_bits: Some(HexU32Be(0x00c0_0000)),
        id: 3 + u64::from(n),
    })
}

fn answer(link: &mut Lines, request: StandardRequest) -> Outcome {
    match request.method.as_str() {
        "mining.configure" => {
            let rolling = VersionRollingParams::new(HexU32Be(0x1fff_e000), HexU32Be(2));
            let asked = Configure::try_from(request).map_err(debug)?;
            link.say(Message::OkResponse(asked.respond(Some(rolling), None)))
        }
        "mining.subscribe" => {
            let names = vec![
                ("mining.notify".into(), "ae68".into()),
                ("mining.set_difficulty".into(), "ae69".into()),
            ];
            let prefix = Extranonce::try_from(vec![0xab, 0xcd, 0, 1]).map_err(debug)?;
            let asked = Subscribe::try_from(request).map_err(debug)?;
            link.say(Message::OkResponse(asked.respond(names, prefix, 4)))
        }
        "mining.authorize" => {
            let asked = Authorize::try_from(request).map_err(debug)?;
            link.say(Message::OkResponse(asked.respond(true)))?;
            link.say(SetDifficulty { value: 1024.0 }.into())?;
            link.say(job()?.into())
        }
        "mining.submit" => {
            let asked = Submit::try_from(request).map_err(debug)?;
            link.say(judged(asked))
        }
        other => Err(format!("no answer to {other}").into()),
    }
}

/// Every fourth share is found stale.
fn judged(share: Submit) -> Message {
    if share.id % 4 == 2 {
        return Message::ErrorResponse(share.respond(SubmitOutcome::Rejected(SubmitError::JobNotFound)));
    }
    let accepted: Response = share.respond(SubmitOutcome::Accepted);
    Message::OkResponse(accepted)
}

fn job() -> Result<Notify, Box<dyn Error>> {
    Ok(Notify {
        job_id: "7".into(),
        prev_hash: "11".repeat(32).as_str().try_into().map_err(debug)?,
        coin_base1: HexBytes::from(vec![0x01; 60]),
        coin_base2: HexBytes::from(vec![0x02; 80]),
        merkle_branch: vec!["22".repeat(32).as_str().try_into().map_err(debug)?; 10],
        version: HexU32Be(0x2000_0000),
        bits: HexU32Be(0x1703_4219),
        time: HexU32Be(NTIME),
        clean_jobs: true,
    })
}

/// JSON lines over TCP.
struct Lines {
    incoming: BufReader<TcpStream>,
    outgoing: TcpStream,
}

impl Lines {
    fn new(stream: TcpStream) -> Result<Self, Box<dyn Error>> {
        stream.set_nodelay(true)?;
        Ok(Self { incoming: BufReader::new(stream.try_clone()?), outgoing: stream })
    }

    fn say(&mut self, message: Message) -> Outcome {
        let line = serde_json::to_string(&message)? + "\n";
        Ok(self.outgoing.write_all(line.as_bytes())?)
    }

    fn hear(&mut self) -> Result<Option<Message>, Box<dyn Error>> {
        let mut line = String::new();
        match self.incoming.read_line(&mut line)? {
            0 => Ok(None),
            _ => Ok(Some(serde_json::from_str(&line)?)),
        }
    }

    /// The next request, or none once the miner has hung up.
    fn request(&mut self) -> Result<Option<StandardRequest>, Box<dyn Error>> {
        match self.hear()? {
            None => Ok(None),
            Some(Message::StandardRequest(request)) => Ok(Some(request)),
            Some(other) => Err(format!("a request was due, not {other}").into()),
        }
    }
}
