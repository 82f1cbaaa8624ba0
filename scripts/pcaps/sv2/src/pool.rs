//! The pool: one miner, a job at once, a new one after every second share, a new block after every sixth.

use std::net::TcpListener;

use binary_sv2::Sv2Option;
use common_messages_sv2::{
    MESSAGE_TYPE_SETUP_CONNECTION, MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS, SetupConnectionSuccess,
};
use mining_sv2::{
    CHANNEL_BIT_MINING_SET_NEW_PREV_HASH, CHANNEL_BIT_NEW_MINING_JOB, CHANNEL_BIT_SET_TARGET,
    CHANNEL_BIT_SUBMIT_SHARES_SUCCESS, MESSAGE_TYPE_MINING_SET_NEW_PREV_HASH, MESSAGE_TYPE_NEW_MINING_JOB,
    MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL, MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL_SUCCESS,
    MESSAGE_TYPE_SET_TARGET, MESSAGE_TYPE_SUBMIT_SHARES_STANDARD, MESSAGE_TYPE_SUBMIT_SHARES_SUCCESS,
    NewMiningJob, OpenStandardMiningChannelSuccess, SetNewPrevHash, SetTarget, SubmitSharesSuccess,
};

use crate::Outcome;
use crate::link::{Link, debug};

const NTIME: u32 = 1_793_610_000;

pub fn serve(address: &str, noise: bool) -> Outcome {
    let (stream, _) = TcpListener::bind(address)?.accept()?;
    let mut link = Link::respond(stream, noise)?;
    welcome(&mut link)?;
    let mut shares = 0;
    // The miner ends the session by hanging up.
    while link.expect(MESSAGE_TYPE_SUBMIT_SHARES_STANDARD).is_ok() {
        shares += 1;
        acknowledge(&mut link, shares)?;
        if shares % 2 == 0 {
            send_job(&mut link, shares / 2, shares % 6 == 0)?;
        }
        if shares == 4 {
            let target = SetTarget { channel_id: 1, maximum_target: (&[0x7f; 32]).into() };
            link.send(target, MESSAGE_TYPE_SET_TARGET, CHANNEL_BIT_SET_TARGET)?;
        }
    }
    Ok(())
}

fn welcome(link: &mut Link) -> Outcome {
    link.expect(MESSAGE_TYPE_SETUP_CONNECTION)?;
    link.send(
        SetupConnectionSuccess { used_version: 2, flags: 0 },
        MESSAGE_TYPE_SETUP_CONNECTION_SUCCESS,
        false,
    )?;
    link.expect(MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL)?;
    let opened = OpenStandardMiningChannelSuccess {
        request_id: 1,
        channel_id: 1,
        target: (&[0xff; 32]).into(),
        extranonce_prefix: (&[0xab, 0xcd, 0, 1][..]).try_into().map_err(debug)?,
        group_channel_id: 0,
    };
    link.send(opened, MESSAGE_TYPE_OPEN_STANDARD_MINING_CHANNEL_SUCCESS, false)?;
    send_job(link, 0, true)
}

fn acknowledge(link: &mut Link, shares: u32) -> Outcome {
    let success = SubmitSharesSuccess {
        channel_id: 1,
        last_sequence_number: shares - 1,
        new_submits_accepted_count: 1,
        new_shares_sum: 8192,
    };
    link.send(success, MESSAGE_TYPE_SUBMIT_SHARES_SUCCESS, CHANNEL_BIT_SUBMIT_SHARES_SUCCESS)
}

/// A job for the present block, or a future one and then the new block that it belongs to.
fn send_job(link: &mut Link, job_id: u32, new_block: bool) -> Outcome {
    let root = [job_id as u8; 32];
    let min_ntime = Sv2Option::new(if new_block { None } else { Some(NTIME) });
    let job =
        NewMiningJob { channel_id: 1, job_id, min_ntime, version: 0x2000_0000, merkle_root: (&root).into() };
    link.send(job, MESSAGE_TYPE_NEW_MINING_JOB, CHANNEL_BIT_NEW_MINING_JOB)?;
    if !new_block {
        return Ok(());
    }
    let prev_hash = [0x11; 32];
    let tip = SetNewPrevHash {
        channel_id: 1,
        job_id,
        prev_hash: (&prev_hash).into(),
        min_ntime: NTIME,
        nbits: 0x1703_4219,
    };
    link.send(tip, MESSAGE_TYPE_MINING_SET_NEW_PREV_HASH, CHANNEL_BIT_MINING_SET_NEW_PREV_HASH)
}
