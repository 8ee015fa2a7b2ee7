-- A batch's guard: abort the whole statement when a part touched another number of rows than it must.
CREATE FUNCTION poolhouse_expect(touched BIGINT, expected BIGINT, place INTEGER) RETURNS INTEGER
LANGUAGE plpgsql AS $$
BEGIN
    IF touched <> expected THEN
        RAISE EXCEPTION USING ERRCODE = 'PH001', MESSAGE = place::text;
    END IF;
    RETURN place;
END
$$;
