"""What is done with packets and pictures: decode, draw, encode, probe."""
