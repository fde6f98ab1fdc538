"""What sensors and files have been seen to say: nothing, nonsense, and the odd true value."""

from __future__ import annotations

import math

from hypothesis import strategies as st

anything = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([math.nan, math.inf, -math.inf, -9999.0, 65535.0, 0.0, -1.0, 1e308, 5e-324]),
    st.integers(-(10**400), 10**400),
    st.floats(-50, 120),
)
