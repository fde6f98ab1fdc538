"""Field devices as Modbus servers without a wire: a request PDU goes in, a response PDU comes out.

A PDU is function code and body, without unit id, CRC or MBAP header; register values are as on the wire (raw), and
each module says their units. Nothing here opens a socket or looks at a clock.
"""
