// The records of a timeline as CSV, for spreadsheets and scripts.
#pragma once

#include <iosfwd>

#include "traces/timeline.h"

namespace fluence::traces {

// One row a transfer, fold and vector pass, in the order of their begin. Columns:
//   record   load, store, fold, pass
//   index    into the Timeline's list of that record
//   layer    name
//   what     load: weights, parameters, activations; store: activations; fold: g/n/k indices; pass: g/n
//   memory   where a load goes to or a store goes (a pass or fold: empty)
//   begin    cycle of the first access (fold: the edge at which its stream begins)
//   end      the edge at which it is done
//   words    transferred; a fold: its pixels, a pass: its elements
void write_records_csv(std::ostream& stream, const Timeline& timeline);

// What lies where from when to when. Columns: memory, first_word, words, content, owner, filled, replaced.
//   weight_buffer,      a run of words that a load (content weights, activations) or a store of a tensor that
//   activation_buffer   stays on chip (kept activations) put there; owner: layer or tensor index; filled: the
//                       edge at which its last word is written; replaced: the edge at which its first one is
//                       written again, or the end of the inference
//   output_buffer       a block of accumulators, counted in 32-bit accumulators; owner: layer; from the end
//   of
//                       its first fold to the edge behind the vector unit's last read
//   array               a fold; first_word: its index, words: the PEs it uses; owner: layer; stream to end
void write_residency_csv(std::ostream& stream, const Timeline& timeline);

}  // namespace fluence::traces
