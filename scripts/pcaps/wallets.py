"""Invented wallets: the shape of each coin's addresses, and plainly made up. None has a valid checksum or belongs to anyone."""


def shaped(head, filler, length):
    """`head`, then `filler` over and over, `length` characters in all."""
    body = filler * length
    return head + body[: length - len(head)]


MONERO = shaped("4", "PitheadExampLeWaLLet", 95)
MONERO_SUB = shaped("8", "PitheadExampLeWaLLet", 95)
MONERO_INTEGRATED = shaped("4", "ExampLePitheadWaLLet", 106)
BITCOIN = shaped("1", "ExampLePithead", 34)
BITCOIN_P2SH = shaped("3", "ExampLePithead", 34)
BITCOIN_SEGWIT = shaped("bc1q", "testexample7wallet", 42)
LITECOIN = shaped("ltc1q", "testexample7wallet", 43)
ETHEREUM = shaped("0x", "feedc0de", 42)
ZCASH = shaped("t1", "ExampLePithead", 35)
RAVENCOIN = shaped("R", "ExampLePithead", 34)
KASPA = shaped("kaspa:q", "testexample7wallet", 67)
ALEPHIUM = shaped("1", "ExampLePithead", 45)
CONFLUX = shaped("cfx:aa", "testexamp7wa7et", 46)
IRON_FISH = shaped("", "feedc0de", 64)
CKB = shaped("ckb1q", "testexample7wallet", 95)
BEAM = shaped("", "beefc0de", 67)
NIMIQ = "NQ07 TEST EXAM PLE0 TEST EXAM PLE0 TEST EXAM"
XELIS = shaped("xel:", "testexample7wallet", 63)
ERGO = shaped("9", "ExampLePithead", 51)
DUINO = "pithead-example"
