"""uint8 and uint16 clips → float network input on the device, cropped, flipped, jittered."""
