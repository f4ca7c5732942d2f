//! File content, from the outside: known answers and properties.

mod data;
mod known_answers;
mod misuse;
mod plain;
mod properties;
mod streams;
