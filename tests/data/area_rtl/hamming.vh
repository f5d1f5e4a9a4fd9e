// Column j of the Hamming code of R check bits: the j-th integer from 3 on that is no power of two.
function integer hamming_column(input integer j);
  integer value, found;
  begin
    found = -1;
    hamming_column = 0;
    for (value = 3; value < (1 << R); value = value + 1)
      if ((value & (value - 1)) != 0) begin
        found = found + 1;
        if (found == j) hamming_column = value;
      end
  end
endfunction

function [W-1:0] hamming_row(input integer row);
  integer value, found;
  begin
    hamming_row = 0;
    found = 0;
    for (value = 3; value < (1 << R); value = value + 1)
      if ((value & (value - 1)) != 0) begin
        if (found < W) hamming_row[found] = (value >> row) & 1;
        found = found + 1;
      end
  end
endfunction
