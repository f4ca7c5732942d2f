//! `uq`, `qbq`: storage and transfer allowances (api-and-transfers 5.2).

use serde_json::Value;

use super::{Answer, Context, EARGS, Result};
use crate::json::read::number;
use crate::json::{Json, Object};
use crate::model::fullness::WARN_PERCENT;

pub(super) fn quota(cx: &mut Context<'_>, _request: &Value) -> Result {
    let model = &*cx.model;
    let user = cx.user()?;
    let mut counts = Object::new();
    let roots = [user.root, user.vault, user.bin]
        .into_iter()
        .chain(user.incoming.iter().copied());
    for root in roots {
        let numbers: Vec<Json> = model.count(root).into_iter().map(Json::from).collect();
        counts.push(root.to_string(), numbers);
    }
    let answer = Object::new()
        .with("mstrg", user.quota)
        .with("cstrg", user.used)
        .with("cstrgn", counts)
        .with("mxfer", user.transfer.allowance.unwrap_or(0))
        .with("caxfer", user.transfer.used)
        .with("csxfer", 0)
        .with("tuo", 0)
        .with("tua", 0)
        .with("rua", 0)
        .with("ruo", 0)
        .with("srvratio", 0)
        .with("rtt", 0)
        .with("utype", 0)
        .with("balance", Vec::new())
        .with("uslw", WARN_PERCENT * 100)
        .with(
            "usl",
            if user.paywall.is_some() {
                PAYWALL
            } else {
                user.fullness()
            },
        )
        .with("subs", Vec::new())
        .with("plans", Vec::new())
        .with("features", Vec::new());
    Ok(Answer::Value(answer.into()))
}

/// 0 and 1: enough is left; 2: not enough for so many bytes.
pub(super) fn query_transfer(cx: &mut Context<'_>, request: &Value) -> Result {
    let bytes = number(request, "s")
        .and_then(|s| u64::try_from(s).ok())
        .ok_or(EARGS)?;
    let payer = cx.who.payer().and_then(|u| cx.model.users.get(&u));
    let Some(transfer) = payer.map(|u| u.transfer) else {
        return Ok(Answer::Value(0.into()));
    };
    let short = transfer
        .allowance
        .is_some_and(|allowance| transfer.used.saturating_add(bytes) > allowance);
    Ok(Answer::Value(if short { 2 } else { 0 }.into()))
}

/// The storage state of an account that is locked for want of payment.
const PAYWALL: u8 = 4;
