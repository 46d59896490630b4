"""What the model reads: the text of a listing with sellers' disguises undone, and the way back to the original.

`letters` undoes what is done to single characters, `words` what is done to whole words, by the words that `lexicon`
knows; `read` joins them. Every line is read by itself, so a window, a field and a whole listing read alike. `orders`
finds what is said to the moderator instead of a buyer.
"""

from modsmith.reading.orders import without_orders
from modsmith.reading.read import CONTROL, Reading, read_plainly

__all__ = ["CONTROL", "Reading", "read_plainly", "without_orders"]
