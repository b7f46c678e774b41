use wasmill_expression::*; use wasmill_model::*;
struct D; impl Scope for D { fn input(&self,_:&str)->Option<Value>{None} fn inputs(&self)->Value{Value::Null} fn step(&self,_:&str,_:StepField)->Option<Value>{None}}
fn main(){ let a:Vec<String>=std::env::args().collect(); let n:usize=a[4].parse().unwrap();
 let text=format!("{}{}{}",a[1].repeat(n),a[2],a[3].repeat(n));
 std::thread::Builder::new().stack_size(2<<20).spawn(move||{ match parse(&text,Location::default()){Ok(e)=>{let p=Program::expression(&e).unwrap(); println!("ok {}", p.evaluate(&D).is_ok());} Err(e)=>println!("{}",e.message)}}).unwrap().join().unwrap();}
