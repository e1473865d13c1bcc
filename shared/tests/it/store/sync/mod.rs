//! Records, jobs, conflicts, and what is due.

mod commits;
mod due;
mod feed;
mod heads;
mod interleavings;
mod jobs;
mod pages;
mod purge;
mod refusals;
mod retention;
mod samples;
