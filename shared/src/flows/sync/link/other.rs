//! The other record, where there is one.

use super::super::decided::Decided;
use super::{Handing, LONGEST_WAIT, Linker, Next, changed, is_known};
use crate::domain::sync::conflict::{Resolution, Side, resolve};
use crate::domain::sync::{Fields, LocalWrite, RecordLink, Standing, record_digest};
use crate::domain::{Digest, Error};
use crate::store::{LinkWrite, Versioned};

/// How often a record is looked for under another id.
const HOPS: usize = 4;

/// What the other record is to hold.
struct Wanted {
    /// None, if it is to be deleted.
    content: Option<Fields>,
    /// What it is known to have been told then.
    held: Option<Fields>,
}

impl Linker {
    /// Brings the other record in step.
    pub(super) async fn bring(
        &self,
        handing: &Handing<'_>,
        link: Versioned<RecordLink>,
    ) -> Result<Next, Error> {
        let at = handing.here.at(handing.due.record);
        let held = self.records.open_link(&link.item, at).await?;
        if is_known(held.as_ref(), handing.told.as_ref()) {
            return Ok(Next::Done);
        }
        let Some(turns) = link.item.next_turn(self.sources.now()) else {
            // Each of the two keeps answering the other: they rest for a while.
            return Ok(Next::Later(LONGEST_WAIT));
        };
        let (record, other) = self.other(handing, link.item.record).await?;
        let ours = other.as_ref().filter(|other| !other.head.deleted);
        if handing.told.is_none() && ours.is_none() {
            return Ok(Next::Done);
        }
        let wanted = handing.wanted(held.as_ref(), ours);
        let Some(other) = other.filter(|other| !other.head.deleted) else {
            return match wanted.content {
                // It was deleted there, and is to be again.
                Some(_) => self.make_again(handing, record).await,
                None => {
                    self.note(handing, &link, (record, wanted.held, turns))
                        .await
                }
            };
        };
        self.rewrite(handing, link, (record, other), (wanted, turns))
            .await
    }

    /// Writes what the other record is to hold, with the links of both.
    async fn rewrite(
        &self,
        handing: &Handing<'_>,
        link: Versioned<RecordLink>,
        (record, other): (Digest, Standing),
        (wanted, turns): (Wanted, u16),
    ) -> Result<Next, Error> {
        let there = &handing.there;
        let write = match wanted.content {
            None => LocalWrite::Delete,
            Some(content) => LocalWrite::Replace(handing.writable(&other, content)),
        };
        let written = match other.written(write, &there.rules) {
            Ok(written) => written,
            Err(Error::ConflictOpen) => return Ok(Next::Later(LONGEST_WAIT)),
            Err(
                error @ (Error::NotWritable(_)
                | Error::Invalid(_)
                | Error::TooLarge { .. }
                | Error::NotFound(_)),
            ) => return Ok(self.cannot(handing, &error)),
            Err(error) => return Err(error),
        };
        let Some((head, body)) = written else {
            return self
                .note(handing, &link, (record, wanted.held, turns))
                .await;
        };
        let back = self.store.record_link(there.link(record, &handing.here));
        let back = back.await?;
        let contents = (Some(&other.body.content), &body.content);
        let of_there = self.link_of_there(handing, back, record, contents, turns);
        let of_there = of_there.await?;
        let of_here = self.link_of_here(handing, Some(&link), record, wanted.held, turns);
        let links = vec![of_here.await?, of_there];
        let decided = Decided {
            record,
            seen: Some(other.head),
            changed: changed(head, body),
            links,
        };
        self.write(there, decided).await
    }

    /// Remembers what the other record is known to have been told, where it stays as it is.
    async fn note(
        &self,
        handing: &Handing<'_>,
        link: &Versioned<RecordLink>,
        (record, held, turns): (Digest, Option<Fields>, u16),
    ) -> Result<Next, Error> {
        let write = self.link_of_here(handing, Some(link), record, held, turns);
        let write = write.await?;
        // Nothing was said to the other, so it is nobody's turn.
        let write = LinkWrite {
            link: RecordLink {
                is_answered: link.item.is_answered,
                turns: link.item.turns,
                changed_at: link.item.changed_at,
                ..write.link
            },
            ..write
        };
        let written = self.store.write_record_link(&write).await?;
        Ok(if written { Next::Done } else { Next::Anew })
    }

    /// Forgets the link to a record that is deleted, so that another is made.
    async fn make_again(&self, handing: &Handing<'_>, record: Digest) -> Result<Next, Error> {
        let (here, there) = (&handing.here, &handing.there);
        let back = there.link(record, here);
        self.store.delete_record_link(back).await?;
        let link = here.link(handing.due.record, there);
        self.store.delete_record_link(link).await?;
        Ok(Next::Anew)
    }

    /// The other record, and under which digest it is now.
    async fn other(
        &self,
        handing: &Handing<'_>,
        record: Digest,
    ) -> Result<(Digest, Option<Standing>), Error> {
        let mut record = record;
        for _ in 0..HOPS {
            let found = self.records.standing(handing.there.kind(), record).await?;
            match found
                .as_ref()
                .and_then(|found| found.body.moved_to.as_ref())
            {
                Some(id) => record = record_digest(id),
                None => return Ok((record, found)),
            }
        }
        Ok((record, None))
    }
}

impl Handing<'_> {
    /// What the other record is to hold: settled by the policy of the side that hands on, which is the
    /// source. Of what would be left to a person, each side keeps what it has.
    fn wanted(&self, held: Option<&Fields>, other: Option<&Standing>) -> Wanted {
        let in_scope = |name: &String| {
            let told = self.told.as_ref();
            told.is_some_and(|told| told.contains_key(name))
                || held.is_some_and(|held| held.contains_key(name))
        };
        let content = other.map(|other| &other.body.content);
        let part = |inside: bool| {
            let fields = content.into_iter().flatten();
            let part = fields.filter(|(name, _)| in_scope(name) == inside);
            part.map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Fields>()
        };
        let destination = content.map(|_| part(true));
        let source = Side {
            fields: self.told.as_ref(),
            changed_at: Some(self.standing.changed_at),
        };
        let destination = Side {
            fields: destination.as_ref(),
            changed_at: other.map(|other| other.changed_at),
        };
        let policy = &self.here.rules.conflicts;
        let Resolution {
            content, new_base, ..
        } = resolve(held, source, destination, policy);
        Wanted {
            content: content.map(|mut content| {
                content.extend(part(false));
                content
            }),
            held: new_base,
        }
    }

    /// What the other record can be made to hold: of what its provider alone decides on, what it has.
    fn writable(&self, other: &Standing, content: Fields) -> Fields {
        let mapper = self.there.rules.mapper();
        let mut written = content;
        written.retain(|name, _| mapper.is_writable(name));
        let kept = other.body.content.iter();
        let kept = kept.filter(|(name, _)| !mapper.is_writable(name));
        written.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        written
    }
}
