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

// One row a run of words that a load put into a buffer. Columns: memory, first_word, words, content, owner
// (layer or tensor index), filled (edge at which the last of the run's words is written), replaced (edge
// at which the first of them is written again; the end of the inference otherwise).
void write_residency_csv(std::ostream& stream, const Timeline& timeline);

}  // namespace fluence::traces
