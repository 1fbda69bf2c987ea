"""Files of every form → `FrameReader`: frames, joints and samples, with their times. No torch."""
