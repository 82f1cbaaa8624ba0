//! The miner: set-up, one standard channel, and a share for each line it is told to send.

use std::io::{BufRead, stdin};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use common_messages_sv2::{
    MESSAGE_TYPE_SETUP_CONNECTION, MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS, Protocol, SetupConnection,
};
use mining_sv2::{
    CHANNEL_BIT_SUBMIT_SHARES_STANDARD, MESSAGE_TYPE_MINING_SET_NEW_PREV_HASH, MESSAGE_TYPE_NEW_MINING_JOB,
    MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL, MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL_SUCCESS,
    MESSAGE_TYPE_SUBMIT_SHARES_STANDARD, MESSAGE_TYPE_SUBMIT_SHARES_SUCCESS, OpenStandardMiningChannel,
    SubmitSharesStandard,
};

use crate::Outcome;
use crate::link::{Link, debug};

const NTIME: u32 = 1_793_610_000;

pub fn mine(from: &str, address: &str, noise: bool) -> Outcome {
    let mut link = Link::initiate(connect(from, address)?, noise)?;
    set_up(&mut link)?;
    open_channel(&mut link)?;
    println!("ready");
    for (sequence_number, line) in (0u32..).zip(stdin().lock().lines()) {
        line?;
        let share = SubmitSharesStandard {
            channel_id: 1,
            sequence_number,
            job_id: sequence_number / 2,
            // Made up: a number that looks like a nonce.
            nonce: 0x9e37_79b9u32.wrapping_mul(sequence_number + 1),
            ntime: NTIME + sequence_number,
            version: 0x2000_0000,
        };
        link.send(share, MESSAGE_TYPE_SUBMIT_SHARES_STANDARD, CHANNEL_BIT_SUBMIT_SHARES_STANDARD)?;
        // Jobs may come before the acknowledgement.
        while link.receive()?.0 != MESSAGE_TYPE_SUBMIT_SHARES_SUCCESS {}
        println!("done");
    }
    Ok(())
}

fn set_up(link: &mut Link) -> Outcome {
    let setup = SetupConnection {
        protocol: Protocol::MiningProtocol,
        min_version: 2,
        max_version: 2,
        flags: 1,
        endpoint_host: "v2.stratum.example".try_into().map_err(debug)?,
        endpoint_port: 34254,
        vendor: "Example".try_into().map_err(debug)?,
        hardware_version: "S19".try_into().map_err(debug)?,
        firmware: "exampleOS 25.1".try_into().map_err(debug)?,
        device_id: "rack-4-unit-7".try_into().map_err(debug)?,
    };
    link.send(setup, MESSAGE_TYPE_SETUP_CONNECTION, false)?;
    link.expect(MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS).map(drop)
}

fn open_channel(link: &mut Link) -> Outcome {
    let open = OpenStandardMiningChannel {
        request_id: 1,
        user_identity: "examplefarm.worker7".try_into().map_err(debug)?,
        nominal_hash_rate: 1.0e14,
        max_target: (&[0xff; 32]).into(),
    };
    link.send(open, MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL, false)?;
    link.expect(MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL_SUCCESS)?;
    link.expect(MESSAGE_TYPE_NEW_MINING_JOB)?;
    link.expect(MESSAGE_TYPE_MINING_SET_NEW_PREV_HASH).map(drop)
}

/// `from` and `address` are socket addresses; the source port is fixed so that each recording has the same flow.
pub fn connect(from: &str, address: &str) -> Result<TcpStream, Box<dyn std::error::Error>> {
    use socket2::{Domain, Socket, Type};
    let (from, address): (std::net::SocketAddr, std::net::SocketAddr) = (from.parse()?, address.parse()?);
    let socket = Socket::new(Domain::for_address(from), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&from.into())?;
    socket.connect(&address.into())?;
    Ok(TcpStream::from(OwnedFd::from(socket)))
}
