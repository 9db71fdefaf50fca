"""Which test shows which requirement of the RFCs: the rows, the markers, and the page of both."""
