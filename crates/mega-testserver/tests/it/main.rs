//! The server from the outside: what a client sends and what it gets.

mod accounts;
mod albums;
mod control;
mod dead_links;
mod dialects;
mod events;
mod faults;
mod first_steps;
mod grouped;
mod hooks;
mod hostile;
mod official;
mod order;
mod parts;
mod people;
mod program;
mod rows;
mod sequences;
mod state;
mod support;
mod tls;
mod unread;
mod world;
