//! The async driver: over a transport made for the test, and over loopback against the test server.

mod hashcash;
mod hostile;
mod loopback;
mod loopback_faults;
mod outbox;
mod reqwest;
mod scripted;
mod support;
mod tls_damage;
